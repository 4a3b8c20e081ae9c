// Package clock is the only place that asks what time it is.
//
// A till's wall clock can't be trusted: it is set by hand, by an empty battery, by a thief. So three clocks
// are kept apart: the wall clock, the boot-time clock (CLOCK_BOOTTIME: it counts sleep, starts at zero with
// the machine and can't be set) and HQ's signed time. From them comes one estimate of now, how much it may
// be trusted, and how long ago HQ last spoke.
//
//	HQ spoke since the machine started    Anchored   now = HQ's time + boot time since; the wall clock does not matter
//	HQ spoke before the machine started   Restarted  now = the wall clock
//	that clock is behind the floor        Untrusted  now = the floor
//	HQ never spoke                        Untrusted  now = the wall clock
//
// What a reader would get wrong: the floor. It is the latest now that this lane has ever held for true, it
// is saved with the anchor and grows with the boot-time clock, and no estimate is ever before it. So setting
// the clock back makes no code live again and renews no right, not even within the slack that lets a clock
// be a little slow: the estimate just stays at the floor. Only a fresh answer of HQ can lower it, since HQ
// is who says what time it is.
//
// What is not seen: after a restart without HQ, a wall clock that was set back to no earlier than the floor.
// Hence the reduced tier of agent/policy. Whoever restarts with an unsaved floor falls back to the last
// saved one, so it is saved with every journal entry.
package clock
