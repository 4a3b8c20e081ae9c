// Package acquirer asks an acquirer, or a chain's own gateway before one, for money by codes that this project has no
// operator's document for: Merpay's, and EMVCo CPM codes of any scheme. The code goes on as it was scanned, byte for byte.
//
// The interface is this package's own. Neither Merpay nor an acquirer of EMVCo CPM publishes one (searched in November
// 2026: Merpay takes payments by codes through the rails of Smart Code and JCB, under contract), so whoever runs the
// gateway implements these four calls towards its contract. JSON over HTTPS, UTF-8, `Authorization: Bearer <token>`:
//
//	POST {prefix}/charges                      {reference, wallet, code, amount, currency, merchant, store, terminal, sale, made}
//	GET  {prefix}/charges/{reference}
//	POST {prefix}/charges/{reference}/cancel   {}
//	POST {prefix}/charges/{reference}/refunds  {reference, amount, currency}
//
// Amounts are integers in the minor unit of ISO 4217 (JPY: yen; CNY: fen; TWD: cents); times are RFC 3339. An answer to
// any of them, with status 200, is the charge:
//
//	{reference, transaction, amount, currency, state, reason?, refunded?, at?, refund?: {reference, amount}}
//
// with state paid, confirming (the customer is asked), declined (then reason is one of operator.Why's names, or the
// acquirer's own), reversed or refunded (wholly); refund is there in answer to a refund that was paid. What can't be done
// is a status from 400 to 499 with {error}: not_found, too_late (a cancel; a refund), not_paid, over_rest. All else is
// no answer.
//
// What a gateway would get wrong: the reference is an idempotency key. The same charge or refund sent again gives the
// first one's answer and moves nothing; another one under the same reference is an error, conflict.
//
// Not tested against any acquirer: what an acquirer's own system makes of a time-out stays between it and the gateway.
package acquirer
