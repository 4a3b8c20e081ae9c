// Package simdisk is a disk for tests that loses what a disk may lose.
//
// It is a file system in memory (FUSE, Linux only) which processes use like any other. Beside what they see it
// keeps what is surely on the disk: the bytes of a file up to its last fsync, and the names in a directory up
// to the directory's last fsync. Cut takes the power away: of everything else, pages and names survive or not,
// in any order and in pieces, as a seed says. A plan makes one operation of chosen files kill the process that
// asked for it, fail once, fail from then on, or find the disk full.
//
// A reader would easily get this wrong: the process that serves the disk must not open a SQLite database on it.
// SQLite maps its shared memory, a page fault stops a thread where Go's scheduler can't see it, and the server
// that should answer may wait for that very thread. What is tested runs in processes of its own.
//
// What is modelled, and what is not, is in DESIGN.md beside this file.
package simdisk
