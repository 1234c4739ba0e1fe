/**
 * A join token: upstream's bootstrap token and the hash of the cluster's CA in one string, so that a node trusts the right
 * cluster from its first packet: `<id>.<secret>@<sha256 of the CA certificate's DER, hex>`.
 */

export interface JoinToken {
  /** Six characters; names the Secret `bootstrap-token-<id>` in kube-system. Not secret. */
  readonly id: string
  readonly secret: string
  /** Lower-case hex. */
  readonly caHash: string
}

/** Undefined where the text is not a join token. Never put the text itself into an error: it is a secret. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const m = /^([a-z0-9]{6})\.([a-z0-9]{16})@([0-9a-f]{64})$/.exec(text.trim())
  return m ? { id: m[1] as string, secret: m[2] as string, caHash: m[3] as string } : undefined
}

export const formatJoinToken = (t: JoinToken): string => `${t.id}.${t.secret}@${t.caHash}`

/** `[a-z0-9]` of the given length, without bias: bytes of 252 and above are skipped. */
export function tokenText(length: number, randomBytes: (n: number) => Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) if (byte < 252 && text.length < length) text += alphabet[byte % 36]
  }
  return text
}
