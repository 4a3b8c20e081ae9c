// Package wechat asks WeChat Pay for money by Quick Pay (付款码支付), the interface of version 3 for merchants outside
// mainland China ("global", apihk.mch.weixin.qq.com), in the common mode: a merchant of its own, without an institution.
//
// Sources, as read in November 2026 (pay.weixin.qq.com unless said):
//
//   - [pay] doc/global/v3/zh/4013010527, field by field at wechatpay.im/openapi/v3/global/micropay/transactions/pay
//   - [reverse] doc/global/v3/en/4012356791 and wiki/doc/api_external/en/apis/chapter3_1_7 ("within 7 days", "at least 15
//     seconds after payment", HTTP 204)
//   - [query] wiki/doc/api_external/en/apis/chapter4_1_31
//   - [refund] wiki/doc/api_external/en/apis/chapter3_4_3 and chapter3_3_4 ("the return … only represents the acceptance",
//     a year, 50 parts a minute apart)
//   - [v2] doc/global/v2/en/4013658162 (query after 5 s, then every 10 s up to 30 s; a password may be asked for)
//   - [codes] the list of version 3's codes with their HTTP statuses, chapter3_2 of the mainland's documents, as a
//     public Java program quotes it: 202 USERPAYING, 403 NOTENOUGH, …; and the codes of the payment code, AUTHCODEEXPIRE,
//     AUTH_CODE_INVALID and AUTH_CODE_ERROR, of version 2's list
//   - [sdk] github.com/wechatpay-apiv3/wechatpay-go @6dbd7ce (core/auth, core/consts: both signatures, five minutes)
//   - [202] github.com/binarywang/WxJava/issues/4050: a payment that waits for its customer is answered with HTTP 202
//
// What a reader would get wrong: HTTP 200 is not paid, trade_state is; and an accepted refund is not a refund, so Refund
// asks what became of it, and a PROCESSING one is Unknown until it is asked again (up to three working days for cards).
//
// Amounts are whole numbers of the currency's smallest unit: CNY in fen, HKD in cents ([pay], amount.total, integer).
//
// # Not tested against WeChat Pay, and uncertain
//
// Nothing here was run against WeChat Pay; it has no open sandbox for this. Not found in the global documents: the list
// of the error codes of Quick Pay of version 3 (both spellings of a code are taken, as NOTENOUGH and NOT_ENOUGH; an
// unknown one is Unknown, never a no), whether JPY and KRW have no decimals here as in ISO 4217 (they are sent so), and
// whether an order in PAYERROR can still be paid (it is taken to be declined: nobody sends its code again). trade_state
// REFUND is said from the first part of a refund on, so Query says Refunded then, of a part too. The window of seven days
// is taken to end with the midnight in China before it.
package wechat
