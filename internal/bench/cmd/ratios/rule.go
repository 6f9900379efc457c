package main

import "fmt"

// rule is how a measurement is compared with its limit.
type rule struct {
	target string
	figure func(measured, limit float64) float64
	format string
	met    func(figure, measured float64) bool
}

// atMost is for what should cost no more than so many times the limit.
func atMost(target float64) rule {
	return rule{
		target: fmt.Sprintf("≤ %.4g", target),
		figure: func(measured, limit float64) float64 { return measured / limit },
		format: "%.2f",
		met:    func(figure, _ float64) bool { return figure <= target },
	}
}

// atLeast is for a share of the limit's throughput, from the time that each
// takes.
func atLeast(target float64) rule {
	return rule{
		target: fmt.Sprintf("≥ %.2f", target),
		figure: func(measured, limit float64) float64 { return limit / measured },
		format: "%.2f",
		met:    func(figure, _ float64) bool { return figure >= target },
	}
}

// atMostMore is for a number that may exceed the limit by so many.
func atMostMore(target float64) rule {
	return rule{
		target: fmt.Sprintf("≤ %.4g more", target),
		figure: func(measured, limit float64) float64 { return measured - limit },
		format: "%+.4g",
		met:    func(figure, _ float64) bool { return figure <= target },
	}
}

// withinNoise is for a time that may be the limit's, give or take a half, and is
// never worth mention below so many nanoseconds.
func withinNoise(nanoseconds float64) rule {
	r := atMost(1.5)
	r.target = fmt.Sprintf("noise, or %.4g ms", nanoseconds/1e6)
	r.met = func(figure, measured float64) bool { return figure <= 1.5 || measured <= nanoseconds }
	return r
}
