// Package js is the part of syscall/js that this module uses. It exists on every
// platform, so that packages for the browser compile, can be checked and show
// their documentation everywhere. What it needs JavaScript for panics where
// [Available] is false; a package asks that first and returns an error.
package js
