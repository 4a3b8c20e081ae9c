package web

// RiskLevel is how near a lane is to its offline share, by sum or by count, whichever is nearer its end: "calm"
// under a half, "raised" under four fifths, "high" under all, "gone". The words are the catalogue's cashier.risk.*,
// the same on every page. A lane without a share has none left.
func RiskLevel(sum, share int64, count, shareCount uint64) string {
	if share <= 0 || shareCount == 0 {
		return "gone"
	}
	switch used := max(sum*100/share, int64(count*100/shareCount)); {
	case used < 50:
		return "calm"
	case used < 80:
		return "raised"
	case used < 100:
		return "high"
	}
	return "gone"
}
