// Package ingesttest makes what lanes send to HQ, for tests: a chain's keys and policy, phones with
// certificates, and lanes that write signed entries and cut them into batches.
//
// It writes wire entries itself and uses neither journal nor checkout, so that a test can have what those
// would refuse to make: forks, gaps, claims that are not true.
package ingesttest
