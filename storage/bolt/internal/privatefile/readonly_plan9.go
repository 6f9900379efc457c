package privatefile

// readOnlyErrors is empty: the errors of Plan 9 are text, and differ.
var readOnlyErrors []error
