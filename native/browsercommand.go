package native

import (
	"errors"
	"slices"
	"strings"
)

var errQuote = errors.New("native: BROWSER has a quote that is not closed")

// chosen returns the commands in text, the value of BROWSER. A path with spaces
// needs no quotes if there is a program there.
func (p platform) chosen(text string) (commands [][]string, err error) {
	text = strings.TrimSpace(text)
	if text != "" && p.executable(text) {
		return [][]string{{text}}, nil
	}
	parser := commandParser{separator: ':', escape: '\\'}
	if p.system == "windows" {
		parser = commandParser{separator: ';'} // paths have colons and backslashes
	}
	entries, err := parser.parse(text)
	for _, e := range entries {
		switch raw := strings.TrimSpace(e.raw); {
		case len(e.words) == 0:
		case p.executable(raw):
			commands = append(commands, []string{raw})
		default:
			commands = append(commands, e.words)
		}
	}
	return commands, err
}

// entry is one command of a list.
type entry struct {
	raw   string
	words []string
}

// commandParser cuts a list into commands, and those into words, as a shell
// does: quotes are ” and "", and an escape is one outside of ”.
type commandParser struct {
	separator, escape rune // escape: 0 for none

	entries []entry
	current entry
	word    strings.Builder
	begun   bool // the word has begun, perhaps only with a quote
	quote   rune // that is open, or 0
}

func (c *commandParser) parse(text string) ([]entry, error) {
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
			c.word.WriteRune(r)
		case c.escape != 0 && r == c.escape && c.quote != '\'':
			escaped, c.begun = true, true
		case c.quote == 0 && (r == '\'' || r == '"'):
			c.quote, c.begun = r, true
		case r == c.quote:
			c.quote = 0
		case c.quote == 0 && r == c.separator:
			c.endEntry()
			continue
		case c.quote == 0 && (r == ' ' || r == '\t'):
			c.endWord()
		default:
			c.begun = true
			c.word.WriteRune(r)
		}
		c.current.raw += string(r)
	}
	if c.quote != 0 || escaped {
		return c.entries, errQuote
	}
	c.endEntry()
	return c.entries, nil
}

func (c *commandParser) endWord() {
	if c.begun {
		c.current.words = append(c.current.words, c.word.String())
	}
	c.word.Reset()
	c.begun = false
}

func (c *commandParser) endEntry() {
	c.endWord()
	c.entries = append(c.entries, c.current)
	c.current = entry{}
}

// withURL replaces %s with the URL, or appends the URL.
func withURL(command []string, address string) []string {
	if !slices.ContainsFunc(command, func(word string) bool { return strings.Contains(word, "%s") }) {
		return append(command, address)
	}
	for i, word := range command {
		command[i] = strings.ReplaceAll(word, "%s", address)
	}
	return command
}
