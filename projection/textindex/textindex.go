// Package textindex says which documents hold a word. A document is a number and some
// texts; the numbers of later documents are usually, but not always, larger.
//
// The index is a view: it may be deleted at any time and is made again.
package textindex
