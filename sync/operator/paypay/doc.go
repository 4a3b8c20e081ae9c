// Package paypay asks PayPay's Open Payment API (OPA, v2) for money.
//
// Sources, as read in November 2026:
//
//   - [sdk] PayPay's own SDKs: github.com/paypay/paypayopa-sdk-node @0637e0b (README.md, src/lib/paypay-rest-sdk.ts,
//     src/lib/conf.path.json) and github.com/paypay/paypayopa-sdk-java @e78e52d (docs/Payment.md, docs/PaymentApi.md,
//     PreAuthCapture.md, auth/HmacAuth.java, model/PaymentState.java, model/RefundState.java)
//   - [opa] PayPay's OpenAPI document of the API, "Dynamic QR" 1.1, as kept in github.com/api-evangelist/paypay
//     (openapi/_original/paypay-opa-openapi-original.json, changelog to 2026-05)
//
// What a reader would get wrong: cancelling twice is refused with the same code as cancelling too late
// (ORDER_NOT_REVERSIBLE [opa]), so Cancel then asks what the order is. And a 500 with TRANSACTION_FAILED, which [sdk]
// calls a failure, is Unknown here: a query says FAILED when it is one.
//
// Amounts are whole yen: "integer", and JPY is the only currency ([opa], MoneyAmount).
//
// # Not tested against PayPay, and uncertain
//
// PayPay publishes the API for linked customers and for codes that the customer scans. The interface for the shop that
// scans the customer's code comes with the contract, and no public document of it was found. This connector uses the
// published "create payment" and puts the code where its customer stands, userAuthorizationId ([sdk] docs/Payment.md);
// Config.CodeField is for the name in the contract. So these have to be held against the contract before it is used:
// the host and path, that field, the codes for a broken, used or expired code (only those of an authorization ID are
// published), and whether a payment that the phone has to confirm is told as USER_CONFIRMATION_REQUIRED, published for
// other operations [opa]. The status of a partly refunded order is not published: it is taken to stay COMPLETED.
package paypay
