// Package sim runs a chain of shops from one seed: lanes, their disks and clocks, customers and their phones, a
// network, a broker and HQ, in one goroutine on virtual time, with faults; and then checks from the outside that
// nothing that was shown as paid is lost or charged twice.
//
// What runs is the real lane, journal, uplink, ingest, ledger and settlement, on real SQLite files. What is
// simulated is everything around them: the time, the randomness, the road (sync/simnet), and what becomes of
// each write (Disk). So what a seed does it does again, to the byte, and a run that fails prints the command
// that repeats it. DESIGN.md says what is checked under which faults, and what is not.
//
// A reader would easily get this wrong: the checks don't ask the system whether it is well. They compare what
// customers were shown, which the simulation writes down for itself, with what HQ settles in the end.
package sim
