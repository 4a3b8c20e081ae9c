// Package policy is HQ's signed word on how a lane sells: the caps and shares, how long a lane may go
// without HQ, the wallets and how their codes look, what is revoked, and which keys to believe.
//
// Two documents carry it. The Trust bundle is signed by the chain's root key, which a lane gets in its join
// file and never from the network; it lists the keys for every other purpose. The Document (the policy) is
// signed by a policy key of the trust bundle. Both are versioned, and a lane never goes back: a Bundle takes
// a document only when its version is above the one it holds.
//
// What a reader would get wrong: a policy is checked twice. The lane applies LaneTerms when it approves, and
// HQ applies the same functions to the same policy version when it judges the approval (LaneTerms.Judge), so
// nothing here may depend on who asks, or when. And a document that is wrong is refused whole: the lane goes
// on with the one it has.
//
// A policy is one message for the whole chain and must stay under MaxDocument. Stores that sell on the
// chain's ordinary terms need no line in it (see StoreDefault); at 50 bytes for a lane and 17 for a revoked
// account there is room for some 5,000 lanes with terms of their own and 10,000 revoked accounts.
package policy
