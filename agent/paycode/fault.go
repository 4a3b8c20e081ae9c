package paycode

import "strconv"

// FaultName says what is wrong with a text, for programs; the names stay as they are.
type FaultName string

// The faults. Those of unknown texts come last.
const (
	FaultEmpty       FaultName = "empty"
	FaultTooLong     FaultName = "too_long"
	FaultNotUTF8     FaultName = "not_utf8"
	FaultControlByte FaultName = "control_byte"
	FaultTwoCodes    FaultName = "two_codes"

	FaultNotEMVCo             FaultName = "not_emvco_cpm"
	FaultBERTag               FaultName = "ber_tag_invalid"
	FaultBERLength            FaultName = "ber_length_invalid"
	FaultOverrun              FaultName = "value_overruns_buffer"
	FaultPayloadFormat        FaultName = "payload_format_unknown"
	FaultNoApplication        FaultName = "missing_application_template"
	FaultNoUsableApplication  FaultName = "no_usable_application"
	FaultDuplicateData        FaultName = "duplicate_poi_data"
	FaultMPM                  FaultName = "mpm_framing_or_version"
	FaultDuplicateTag         FaultName = "duplicate_tag"
	FaultCRCMissing           FaultName = "crc_missing"
	FaultNotCarrierNorPayment FaultName = "not_a_carrier_and_not_a_payment_code"
	FaultUnknown              FaultName = "unknown_code"
)

var faultText = map[FaultName]string{
	FaultEmpty:                "nothing was read",
	FaultTooLong:              "longer than any code",
	FaultNotUTF8:              "the bytes are no text",
	FaultControlByte:          "holds a control character: a bad read, or binary data",
	FaultTwoCodes:             "two codes ran into each other: scan one again",
	FaultNotEMVCo:             "begins like an EMVCo code and is none",
	FaultBERTag:               "a data object's tag is not valid",
	FaultBERLength:            "a data object's length is not valid",
	FaultOverrun:              "a data object is longer than what is there: half a code",
	FaultPayloadFormat:        "an EMVCo code of an unknown version",
	FaultNoApplication:        "an EMVCo code that names no payment application",
	FaultNoUsableApplication:  "an EMVCo code none of whose applications has a usable name",
	FaultDuplicateData:        "a data object is given twice",
	FaultMPM:                  "a merchant's code that is cut, broken or of an unknown version",
	FaultDuplicateTag:         "a merchant's code with a field given twice",
	FaultCRCMissing:           "a merchant's code without its check sum",
	FaultNotCarrierNorPayment: "begins like an invoice carrier and is none, nor a payment code",
	FaultUnknown:              "fits no wallet of the table and nothing else that is known",
}

// Fault is why a text is invalid or unknown. It holds no part of the text.
type Fault struct {
	Name FaultName
	Tag  string // the data object or field, when there is one
	At   int    // where it begins: the byte of the decoded code, or the character of a merchant's, counted from 1; 0: not told
}

// from tells a fault of what begins at an offset.
func (f *Fault) from(offset int) *Fault {
	f.At = offset + 1
	return f
}

// String is the name, with the tag behind a colon when there is one.
func (f *Fault) String() string {
	if f.Tag == "" {
		return string(f.Name)
	}
	return string(f.Name) + ":" + f.Tag
}

// Error is the name and a sentence, with the place when it is known.
func (f *Fault) Error() string {
	text := faultText[f.Name]
	if f.At > 0 {
		text += ", at " + f.unit() + " " + strconv.Itoa(f.At)
	}
	return f.String() + " (" + text + ")"
}

// unit is what At counts.
func (f *Fault) unit() string {
	if f.Name == FaultMPM || f.Name == FaultDuplicateTag {
		return "character"
	}
	return "byte"
}

// Is compares names, so that errors.Is works with a Fault that has no tag.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Name == f.Name && (t.Tag == "" || t.Tag == f.Tag)
}
