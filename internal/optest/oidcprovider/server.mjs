// oidc-provider, for tests. Each line of standard input is JSON: the
// configuration of one provider, in "account" more claims of its users, and
// "getOnly" if it answers 404 to a logout that is posted, as it does by default. For
// each it prints the issuer, once that listens on loopback. All end with standard
// input.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

console.info = console.error; // standard output is for the issuers

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await start(JSON.parse(line))}\n`);
}
process.exit();

async function start({ account, getOnly, features, ...given }) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [newKey()] },
    clientDefaults: {
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    },
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false, // the email belongs in the ID token
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, ...account }),
    }),
    cookies: { keys: ['for tests'], long: { httpOnly: true, sameSite: getOnly ? 'lax' : 'none' } },
    enableHttpPostMethods: !getOnly,
    // Its own fetch refuses loopback addresses, where the apps of the tests are.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    ttl: { AccessToken: 300, Grant: 3600, IdToken: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    features: {
      backchannelLogout: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      ...features,
    },
    ...given,
  });
  server.on('request', provider.callback());
  return issuer;
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };
}
