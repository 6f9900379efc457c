package language

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Bounds on what is read of a header. Browsers send ten ranges at most.
const (
	maxHeader = 1024
	maxRanges = 32
)

// Match returns the positions of the offered tags that a browser accepts, the one
// that it prefers first. A tag that a weight of 0 excludes is not among them, and
// neither is one that the header does not mention. What is not valid in the header
// is ignored, and so is all of it beyond 1 KB or 32 ranges.
func Match(header string, offered []Tag) []int {
	wishes := parseHeader(header)
	var accepted []int
	for _, w := range wishes {
		for _, i := range w.choose(offered) {
			if !slices.Contains(accepted, i) && !excluded(offered[i], wishes) {
				accepted = append(accepted, i)
			}
		}
	}
	return accepted
}

// wish is one range of the header.
type wish struct {
	tag    Tag
	any    bool // the range *
	weight int  // in thousandths
}

// choose returns the offered tags that fulfil the wish, the best first.
func (w wish) choose(offered []Tag) []int {
	var found []int
	for i, t := range offered {
		if w.any || t.fit(w.tag) != none {
			found = append(found, i)
		}
	}
	if !w.any {
		slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(offered[b].fit(w.tag), offered[a].fit(w.tag)) })
	}
	return found
}

// excluded reports whether a weight of 0 is the last word on a tag: that of the range
// that fits it best.
func excluded(t Tag, wishes []wish) bool {
	best, weight := none, -1
	for _, w := range wishes {
		if fit := t.fit(w.tag); !w.any && fit > best {
			best, weight = fit, w.weight
		}
	}
	if best == none {
		return slices.ContainsFunc(wishes, func(w wish) bool { return w.any && w.weight == 0 })
	}
	return weight == 0
}

// parseHeader returns the wishes of a header, the strongest first.
func parseHeader(header string) []wish {
	if len(header) > maxHeader {
		header = header[:strings.LastIndexByte(header[:maxHeader], ',')+1]
	}
	var wishes []wish
	for part := range strings.SplitSeq(header, ",") {
		if w, ok := parseRange(part); ok && len(wishes) < maxRanges {
			wishes = append(wishes, w)
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.weight, a.weight) })
	return wishes
}

func parseRange(part string) (w wish, ok bool) {
	name, parameter, weighted := strings.Cut(part, ";")
	w.weight = 1000
	if weighted {
		q := strings.TrimSpace(parameter)
		if len(q) < 2 || !strings.EqualFold(q[:2], "q=") {
			return w, false
		}
		if w.weight, ok = parseWeight(q[2:]); !ok {
			return w, false
		}
	}
	name = strings.TrimSpace(name)
	if name == "*" {
		w.any = true
		return w, true
	}
	w.tag, ok = Parse(name)
	return w, ok
}

// parseWeight reads a qvalue (RFC 9110 §12.4.2), in thousandths.
func parseWeight(q string) (int, bool) {
	whole, fraction, _ := strings.Cut(q, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 || strings.Trim(fraction, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(whole + (fraction + "000")[:3])
	return n, err == nil && n <= 1000
}
