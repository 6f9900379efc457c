package document

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/passport-go/passport/storage"
)

// version is the layout of a document that the types in this file describe. It
// changes with them.
const version = 1

type (
	documentJSON struct {
		Version     int              `json:"version"`
		Records     []recordJSON     `json:"records,omitempty"`
		Revocations []revocationJSON `json:"revocations,omitempty"`
		Note        json.RawMessage  `json:"note,omitempty"`
	}
	recordJSON struct {
		ID       string       `json:"id"`
		Tenant   string       `json:"tenant,omitempty"`
		Kind     storage.Kind `json:"kind,omitempty"`
		Subject  string       `json:"subject,omitempty"`
		SID      string       `json:"sid,omitempty"`
		Revision uint64       `json:"revision"`
		Expiry   time.Time    `json:"expiry"`
		Data     []byte       `json:"data"`
	}
	revocationJSON struct {
		Record   recordJSON `json:"record"`
		Since    time.Time  `json:"since"`
		Attempts int        `json:"attempts"`
		Due      time.Time  `json:"due"`
	}
)

func toJSON(r storage.Record) recordJSON {
	return recordJSON{r.ID, r.Tenant, r.Kind, r.Subject, r.SID, r.Revision, r.Expiry, r.Data}
}

func (r recordJSON) record() storage.Record {
	return storage.Record{
		ID: r.ID, Tenant: r.Tenant, Kind: r.Kind, Subject: r.Subject, SID: r.SID,
		Revision: r.Revision, Expiry: r.Expiry, Data: r.Data,
	}
}

// errDamaged reports a document that makes no sense.
var errDamaged = errors.New("the stored sessions are damaged")

// encode returns nothing for contents that are empty.
func (s *Store) encode(c *contents) ([]byte, error) {
	if len(c.records)+len(c.revocations)+len(c.note) == 0 {
		return nil, nil
	}
	doc := documentJSON{Version: version, Note: c.note}
	for _, r := range c.records {
		doc.Records = append(doc.Records, toJSON(r))
	}
	for _, d := range c.revocations {
		doc.Revocations = append(doc.Revocations, revocationJSON{Record: toJSON(d.Record), Since: d.Since, Attempts: d.Attempts, Due: d.Due})
	}
	document, err := json.Marshal(doc)
	if err != nil {
		return nil, s.errorf("%w", err)
	}
	return document, nil
}

// decode returns empty contents along with errDamaged.
func (s *Store) decode(document []byte) (*contents, error) {
	c := &contents{now: instant(s.options.Now())}
	if len(document) == 0 {
		return c, nil
	}
	var doc documentJSON
	err := json.Unmarshal(document, &doc) // goes on after a field of another type
	switch {
	case doc.Version > version:
		return nil, s.errorf("the sessions are stored in format %d and this program reads format %d: run the newer version that wrote them",
			doc.Version, version)
	case err != nil || doc.Version < 1:
		err := s.errorf("%w", errDamaged) // without the other, which could quote the document
		s.options.Logger.Error(err.Error())
		return c, err
	}
	c.note = doc.Note
	for _, r := range doc.Records {
		c.records = append(c.records, r.record())
	}
	for _, d := range doc.Revocations {
		c.revocations = append(c.revocations, storage.Revocation{Record: d.Record.record(), Since: d.Since, Attempts: d.Attempts, Due: d.Due})
	}
	return c, nil
}

// check refuses what a document cannot hold.
func (s *Store) check(r storage.Record) error {
	if r.ID == "" {
		return s.errorf("Record.ID is empty")
	}
	if !utf8.ValidString(r.ID) || !utf8.ValidString(r.Subject) || !utf8.ValidString(r.SID) {
		return s.errorf("Record.ID, Subject and SID must be valid UTF-8")
	}
	if err := storage.CheckScope(&r); err != nil {
		return s.errorf("%w", err)
	}
	return nil
}

// instant is at as a document keeps it.
func instant(at time.Time) time.Time { return at.Round(0).UTC() }
