// Package pagestest checks what this SDK puts into browsers with the tools of those
// who build pages: axe-core for the pages, TypeScript for the types of passport.js.
package pagestest
