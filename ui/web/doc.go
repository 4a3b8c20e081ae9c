// Package web is what all of tilld's pages share: the guard in front of them, languages, money as people
// write it, live regions over server-sent events, PINs and sessions, and every asset, embedded: a lane's
// pages work with no network.
//
// A page is a template rendered on the server; what changes is rendered again and pushed. A reader would
// easily get this wrong: a screen that has lost its stream shows that it has (assets/tilld.js watches the
// beats), since a stale "paid" is worse than no answer at all.
package web
