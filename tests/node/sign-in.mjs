// A sign-in with openid-client, as a web app does it: prints the sign-in page's address, reads the
// address that the page sends back to from stdin, and prints what it got as one line of JSON.
import { createInterface } from "node:readline/promises";
import * as oidc from "openid-client";

const asked = JSON.parse(process.argv[2]);
const server = await (await fetch(asked.discovery)).json();
const config = new oidc.Configuration(
  { ...server, revocation_endpoint: asked.revocation },
  asked.client,
  { token_endpoint_auth_method: "none" },
  oidc.None(),
);
oidc.allowInsecureRequests(config); // loopback

const verifier = oidc.randomPKCECodeVerifier();
const state = oidc.randomState();
const nonce = oidc.randomNonce();
const page = oidc.buildAuthorizationUrl(config, {
  redirect_uri: asked.redirect,
  scope: "openid email",
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});
console.log(page.href);

const lines = createInterface({ input: process.stdin });
const back = new URL(await lines.question(""));
lines.close();

const first = await oidc.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
const { sub } = first.claims();
const person = await oidc.fetchUserInfo(config, first.access_token, sub);
const second = await oidc.refreshTokenGrant(config, first.refresh_token);
await oidc.tokenRevocation(config, second.refresh_token);
const refused = await oidc.refreshTokenGrant(config, second.refresh_token).then(
  () => "still good",
  (error) => error.error,
);
console.log(
  JSON.stringify({
    subject: sub,
    userinfo: person.sub,
    rotated: second.refresh_token !== first.refresh_token,
    after_revocation: refused,
    access_token: second.access_token,
  }),
);
