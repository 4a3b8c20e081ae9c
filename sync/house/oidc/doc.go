// Package oidc asks an outside OpenID Connect provider who somebody is: the authorization code flow with PKCE (RFC 7636,
// S256), and an ID token that is verified here (OpenID Connect Core 1.0, 3.1.3.7) against the provider's keys.
//
// Only RS256 and ES256 are known, and the algorithm is the key's, never the token's. A token must name the configured
// issuer, this client and the nonce, and be fresh. What comes back is the pair of issuer and subject: an e-mail address
// or a user's number at the provider says nothing about who asks, and 7pay handed out tokens for it.
//
// What a reader would get wrong: the access token is thrown away unread. It is not about who signed in here.
package oidc
