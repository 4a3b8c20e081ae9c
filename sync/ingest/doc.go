// Package ingest is HQ's end of the road: it takes what lanes send, keeps it, answers, and has it posted.
//
// It knows no broker: Handle takes a topic and a message, and answers leave through a Publisher. Three
// stages follow each other with bounded queues between them, so that a slow one holds back the road and not
// the memory:
//
//	Handle ─> verifiers ─> writer ─> acknowledgements
//	           (per core)   │
//	                        └(wakes)─> poster: examine evidence (per core), judge
//
// Verifiers check chains and signatures. The writer puts many batches of many terminals into one transaction
// and lets acknowledgements go only behind its commit. The poster works from what is stored, not from what
// arrives: it opens the evidence, checks the customer's code, the caps of the policy that the entry names and
// everything the entry claims, and moves each history's cursor with its postings.
//
// A reader would easily get this wrong: nothing that is refused here is lost, and nothing that can't be posted
// is refused. What is not acknowledged stays in the lane's outbox; what is acknowledged and can't be posted is
// an exception with an owner, and the entries behind it flow on.
package ingest
