// Package linepay asks LINE Pay, in Taiwan, for money: Offline API v4. (LINE Pay ended in Japan in April 2025.)
//
// Sources, as read in November 2026:
//
//   - [v4] developers-pay.line.me/offline-api-v4 and /offline/prerequisites (headers, signature)
//   - [guide] developers-pay.line.me/offline/implement-payment and /offline/handle-refund, with the change log of
//     November 2025 (v4: HMAC authentication, new parameters of the payment request)
//   - [v2] developers-pay.line.me/offline-api-v2/request-payment and /check-payment-status ("read timeout at least 40
//     seconds", check 20; "ensure that the total payment amount in the response matches the requested amount")
//   - [codes] developers.line.biz/en/docs/line-pay-offline/appendix (return codes)
//   - [sdk] the packages line-pay-offline-v4 (npm) and carllee/line-pay-offline-v4 (Packagist)
//   - [sandbox] a shop's public record of runs against LINE Pay's sandbox in July 2026 (docs/30 of a till in Python):
//     packages are required, refund takes the order's ID, 1150 for an order that isn't there, 1165 for one that is
//     refunded already, transaction IDs beyond 2^53
//
// What a reader would get wrong: a refund has no reference of its own here, so a refund of a part whose answer was lost
// can't be told from one that never came. Rules therefore allow whole refunds only, although LINE Pay has both.
//
// Amounts are whole Taiwan dollars: all samples of [v4] and [guide] have integers ("amount": 100), where ISO 4217 has
// cents; an amount with cents can't be asked for. The answers name no currency.
//
// # Not tested against LINE Pay, and uncertain
//
// Nothing here was run against LINE Pay or its sandbox. A payment is captured at once ([guide]: the basic method in
// Taiwan), and what is captured can't be voided: Cancel then says TooLate, and a refund is what is left. Not published:
// what void says of a payment that waits for its customer, the status of a refunded order in "check" (taken to be REFUND
// or COMPLETE), for how long refunds are possible, and whether an order that "check" does not know may still come.
package linepay
