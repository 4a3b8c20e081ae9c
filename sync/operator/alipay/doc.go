// Package alipay asks Antom, which is Alipay's and Alipay+'s acquirer abroad, for money: "User-presented Mode Payment" of
// its payment API, version 1.
//
// Sources, as read in November 2026:
//
//   - [upm] docs.antom.com/ac/ams/upm (pay: fields, and that a request repeated under one paymentRequestId gives the same
//     result once it is S or F), /ac/ams/paymentri (inquiryPayment), /ac/ams/paymentc (cancel, with its codes),
//     /ac/ams/refund_online (refund)
//   - [sign] docs.antom.com/ac/ams/digital_signature
//   - [sdk] github.com/alipay/global-open-sdk-java @69add42 (paths, SignatureTool, the models Amount, Store, Transaction)
//   - [guide] docs.antom.com/ac/globalbarcode/practice and /implementing_apis (query after 5 s, then every 3 to 5 s for a
//     minute, cancel then; cancel until 00:15 of the next day in Beijing)
//   - [codes] the reasons of Alipay+ for a refused payment, as the acquirer AllPayX lists them (bindPay_reason.md)
//
// What a reader would get wrong: resultStatus of a query is about the query; paymentStatus is about the money. And not
// every F is a no for good: one about a signature or a parameter says nothing of an earlier try under the same reference.
//
// Amounts are texts of a positive integer in the currency's smallest unit: CNY in fen, JPY in yen ([sdk], Amount).
//
// # Not tested against Antom, and uncertain
//
// Nothing here was run against Antom or its sandbox. Not found: the result codes for a broken, used or expired payment
// code in this mode, so such a one is declined without a cause the cashier could act on, or Unknown; whether the method's
// type is CONNECT_WALLET for each contract (Config.Method); how refunds show in a query (taken from the models:
// transactions of type REFUND). An answer's time is not held against the clock: its form is not published. Version 2 and
// the older alipay.acquire.overseas.spot.pay are other interfaces.
package alipay
