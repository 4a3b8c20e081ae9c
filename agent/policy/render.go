package policy

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// RenderTOML writes a policy that is to be signed, as ParseTOML reads it, with a comment on what is not plain and an
// example, in comments, of each thing that it could say and does not.
func RenderTOML(d *Document) ([]byte, error) {
	return render(d, fmt.Sprintf("The policy of chain %s, to be version %d. Lanes obey it once it is signed.", d.Chain, d.Version))
}

// RenderInForce writes a policy that is signed and in force since a time, like RenderTOML.
func RenderInForce(d *Document, since time.Time) ([]byte, error) {
	return render(d, fmt.Sprintf("The policy of chain %s: version %d, signed, in force since %s. tilld hq policy edit changes it.",
		d.Chain, d.Version, since.UTC().Format(time.RFC3339)))
}

func render(d *Document, heading string) ([]byte, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(d); err != nil {
		return nil, fmt.Errorf("writing policy %d: %w", d.Version, err)
	}
	return []byte("# " + heading + "\n\n" + d.addExamples(b.String())), nil
}

// addExamples puts what the document leaves empty, and the encoder therefore leaves out, into its text as comments:
// without their "# " they are valid there.
func (d *Document) addExamples(text string) string {
	if len(d.Features) == 0 {
		text = behind(text, "\nretention_days = ", featuresExample)
	}
	var lists string
	for _, l := range []struct {
		empty   bool
		example string
	}{
		{len(d.Revoked.Accounts) == 0, `accounts = ['` + strings.Repeat("00", AccountSize-1) + `01'] # the issuer's pseudonym of an account`},
		{len(d.Revoked.Phones) == 0, `phone_keys = ['` + strings.Repeat("00", KeySize-1) + `01'] # kid of a customer's phone`},
		{len(d.Revoked.Issuers) == 0, `issuer_keys = ['` + strings.Repeat("00", KeySize-1) + `01'] # kid that tilld hq issuer add printed`},
		{len(d.Revoked.Terminals) == 0, `terminals = ['01KAV0000000000000000000T1'] # tilld hq terminal list has them`},
	} {
		if l.empty {
			lists += "# " + l.example + "\n"
		}
	}
	if len(d.Revoked.Accounts)+len(d.Revoked.Phones)+len(d.Revoked.Issuers)+len(d.Revoked.Terminals) == 0 {
		lists += "\n" // the encoder sets an empty table off by nothing
	}
	text = behind(text, "\n[revoked]", lists)
	if len(d.Stores) == 0 {
		text = before(text, "\n[revoked]", d.storeExample())
	}
	return text
}

const featuresExample = `# Switches for what not every lane may or can do: "training" lets a POS open practice sales.
# features = ['` + Training + `']
`

// storeExample is a store with the terms of the default, so that its sums are right in any currency.
func (d *Document) storeExample() string {
	share := d.Default
	return fmt.Sprintf(`# Stores with terms of their own. A lane that its store does not list can't sell offline; the shares of a store's
# lanes sum to its cap at most. Left out, zone and wallets are the chain's. One [[store]] each, its lanes below it.
# [[store]]
# name = 'S001'
# cap = %d
# zone = '%s'
# wallets = ['%s']
# [[store.lane]]
# name = 'L1'
# share_sum = %d
# share_count = %d

`, share.Cap, d.Zone, strings.Join(d.Wallets, "', '"), share.Sum, share.Count)
}

// behind puts text behind the line that begins with a mark; before, before the comment above that line.
func behind(text, mark, add string) string {
	at := strings.Index(text, mark)
	if at < 0 {
		return text
	}
	end := at + 1 + strings.IndexByte(text[at+1:]+"\n", '\n') + 1
	return text[:end] + add + text[end:]
}

func before(text, mark, add string) string {
	at := strings.Index(text, mark) + 1
	for at > 0 {
		line := strings.LastIndexByte(text[:at-1], '\n') + 1
		if !strings.HasPrefix(text[line:], "#") {
			break
		}
		at = line
	}
	return text[:at] + add + text[at:]
}
