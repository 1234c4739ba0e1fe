/**
 * Who the cluster is: its CA, the server's certificate, the administrator's. Made at the first start, kept in
 * `pki/` of the data folder, readable by root alone.
 */
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Clock, Log } from '../shared/base/host.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { certificateInfo, renewAt, signedBy } from '../shared/pki/certificate-info.ts'
import { createCa, issueCertificate, type KeyPair } from '../shared/pki/certificates.ts'
import { FRONT_PROXY_NAME } from './api-server/aggregation/authentication-config.ts'

const day = 86_400_000
/** A cluster in the field outlives its builders' attention: ten years for the CA as k3s and kubeadm have it, one for what renews itself. */
const caLife = 3650 * day
const leafLife = 365 * day

export interface Identity {
  readonly ca: KeyPair
  readonly server: KeyPair
  /** A client certificate of group system:masters. */
  readonly admin: KeyPair
  /** What aggregated API servers know us by: a CA of its own, for whoever it signs may speak for anybody. */
  readonly frontProxy: { readonly caPem: string; readonly client: KeyPair }
}

async function kept(dir: string, name: string, make: () => Promise<KeyPair>, good: (pair: KeyPair) => boolean): Promise<KeyPair> {
  const [keyPem, certPem] = await Promise.all([readIfThere(join(dir, `${name}.key`)), readIfThere(join(dir, `${name}.crt`))])
  if (keyPem !== undefined && certPem !== undefined && good({ keyPem, certPem })) return { keyPem, certPem }
  const pair = await make()
  // The key first: a certificate whose key is missing would be taken for whole.
  await writeFileAtomic(join(dir, `${name}.key`), pair.keyPem, { mode: 0o600 })
  await writeFileAtomic(join(dir, `${name}.crt`), pair.certPem)
  return pair
}

/** Every address this machine has now: a node may know us by any of them. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter((a) => !a.address.startsWith('fe80:')).map((a) => a.address))
}

/**
 * Reads the identity or makes what is missing. The server's certificate is made anew when an address was added or two thirds of its life are over.
 * Throws where the CA's key is lost but its certificate is there: a new CA would lock out every node, so that is not ours to decide.
 */
export async function loadIdentity(options: { dataDir: string; clock: Clock; log: Log; serviceIp: string; extraNames: readonly string[] }): Promise<Identity> {
  const { clock, log } = options
  const dir = join(options.dataDir, 'pki')
  const now = clock.now()
  const caCert = await readIfThere(join(dir, 'ca.crt'))
  if (caCert !== undefined && await readIfThere(join(dir, 'ca.key')) === undefined) throw new Error(`${dir}/ca.crt is there but ca.key is not: restore it from a backup, or remove the folder to make a new cluster identity (every node must then join again)`)
  const ca = await kept(dir, 'ca', async () => {
    log.info('made the cluster CA', { dir })
    return await createCa({ commonName: 'bramble-ca' }, { now, ttl: caLife })
  }, () => true)

  const isIp = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(':')
  const ips = [...new Set([...ownAddresses(), options.serviceIp, ...options.extraNames.filter(isIp)])]
  const dnsNames = [...new Set(['localhost', hostname(), 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', ...options.extraNames.filter((n) => !isIp(n))])]
  const fresh = (pair: KeyPair): boolean => signedBy(pair.certPem, ca.certPem) && renewAt(certificateInfo(pair.certPem)) > now
  const named = (pair: KeyPair): boolean => {
    const names = certificateInfo(pair.certPem).altNames
    return dnsNames.every((n) => names.includes(`DNS:${n}`)) && ips.filter((ip) => !ip.includes(':')).every((ip) => names.includes(`IP Address:${ip}`))
  }
  const server = await kept(dir, 'server', async () => {
    log.info('made the server certificate', { names: [...dnsNames, ...ips].join(',') })
    return await issueCertificate(ca, { commonName: 'kube-apiserver' }, { now, ttl: leafLife, usages: ['server'], dnsNames, ips })
  }, (pair) => fresh(pair) && named(pair))
  const admin = await kept(dir, 'admin', async () => await issueCertificate(ca, { commonName: 'kubernetes-admin', organizations: ['system:masters'] }, { now, ttl: leafLife, usages: ['client'] }), fresh)
  const frontCa = await kept(dir, 'front-proxy-ca', async () => await createCa({ commonName: 'front-proxy-ca' }, { now, ttl: caLife }), () => true)
  const client = await kept(dir, 'front-proxy-client', async () => await issueCertificate(frontCa, { commonName: FRONT_PROXY_NAME }, { now, ttl: leafLife, usages: ['client'] }), (pair) => signedBy(pair.certPem, frontCa.certPem) && renewAt(certificateInfo(pair.certPem)) > now)
  return { ca, server, admin, frontProxy: { caPem: frontCa.certPem, client } }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Where the cluster is and nothing of who asks: what kubeadm reads from cluster-info. */
export const joiningKubeconfig = ({ server, ca }: { server: string; ca: string }): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster: { 'certificate-authority-data': base64(ca), server } }], contexts: null, 'current-context': '', preferences: {}, users: null })}\n`

/** A kubeconfig with everything inside, as kubectl reads it (JSON is YAML). */
export function kubeconfig(options: { server: string; ca: string; user: string; pair: KeyPair }): string {
  const { server, ca, user, pair } = options
  return `${JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'bramble', preferences: {},
    clusters: [{ name: 'bramble', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(pair.certPem), 'client-key-data': base64(pair.keyPem) } }],
    contexts: [{ name: 'bramble', context: { cluster: 'bramble', user } }],
  }, null, 2)}\n`
}
