package privatefile

// fullErrors is empty: the errors of Plan 9 are text, and differ.
var fullErrors []error
