// Package paycode tells what a scanned text is: which wallet's payment code, a loyalty number, a thing that is
// no payment code at all, or nothing that is known.
//
// Classify is pure. Formats with a structure (the house wallet's signed code, EMVCo and JPQR codes, merchant
// codes) are known by their heads and their framing is checked; the rest is matched against a Table of
// prefixes, lengths and characters which is signed policy, so that a wallet that changes its codes needs no
// release. The order of questions is fixed: own code, structured codes, things that are no payment, table.
//
// What a reader would get wrong: a payment code need not be digits, its case matters, and one text can fit
// two wallets. So the answer is an ordered list of candidates, and the text goes on to the wallet's operator
// byte for byte as it was scanned. A code is money until it expires: no error, field or warning of Classify
// holds more of one than its first two or last four characters. Explainer, which a person asks who has the code
// before him, tells what stands in an EMVCo, JPQR or merchant's code, tag by tag, but of an account number only
// the last four unless it is told to reveal it.
package paycode
