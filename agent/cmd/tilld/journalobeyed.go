package main

import (
	"context"
	"fmt"

	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/journal"
	"tilld/agent/policy"
)

// checkObeyed holds the policy that the newest entries name against those that are there: the journal's, or the
// one of HQ's answer to the terminal. Who deletes the journal's wants the lane to go back to the answer's.
func (a *verifyAnswer) checkObeyed(ctx context.Context, src *journal.Copy, hq *hqTrust, dir string) error {
	if a.Projected == nil {
		return nil // the entries do not hold, or could not all be read
	}
	obeyed, err := src.Obeyed(ctx)
	if err != nil || obeyed == 0 {
		return err
	}
	held, _, err := src.Document(ctx, journal.PolicyDocument)
	if err != nil || held >= obeyed {
		return err
	}
	keys, err := src.Keys(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	joined, known := answered(hq, dir, lane.Identity{Terminal: a.Terminal, First: keys[0].KID()})
	switch {
	case !known:
		a.NotChecked = append(a.NotChecked, fmt.Sprintf(
			"whether policy %d, which the newest entries obeyed, is still there: the journal's is %d, and HQ's answer to the terminal is not here (--hq)", obeyed, held))
	case joined < obeyed:
		a.fault("policy", fmt.Errorf("the newest entries obeyed version %d, and what is left is version %d: somebody took it away; no policy is in force until HQ sends one",
			obeyed, max(held, joined)))
	}
	return nil
}

// answered is the version of the policy in HQ's answer to a terminal; 0: it brought none. Known is false where
// there is no such answer that can be read.
func answered(hq *hqTrust, dir string, id lane.Identity) (version uint64, known bool) {
	var answer *policy.JoinAnswer
	var err error
	if hq != nil && hq.answer != nil {
		answer, err = policy.ParseJoinAnswer(hq.answer, id.Terminal, id.First)
	} else {
		answer, err = lane.LoadJoin(dir, id)
	}
	if err != nil {
		return 0, false
	}
	b, err := answer.Bundle()
	if err != nil {
		return 0, false
	}
	return b.PolicyVersion(), true
}
