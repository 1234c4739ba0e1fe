/** A webhook over real HTTPS, with a certificate of an authority of its own. For tests. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../../../shared/host/clock.ts'
import { createCa, issueCertificate } from '../../../../shared/pki/certificates.ts'

export interface Review {
  readonly apiVersion: string
  readonly request: Record<string, unknown> & {
    readonly uid: string; readonly operation: string; readonly name?: string; readonly object: Record<string, unknown> | null; readonly oldObject: Record<string, unknown> | null
  }
}
/** Gives the `response`; the uid is put in where there is none. A number is answered as a status code, `hang` never. */
export type Answer = (review: Review, path: string) => Record<string, unknown> | number | 'hang'

export interface FakeWebhookServer {
  readonly port: number
  /** Base64, as `caBundle` wants it. */
  readonly caBundle: string
  /** In order of arrival. */
  readonly reviews: Review[]
  answer: Answer
  /** Client configuration for a path of this server. */
  client(path?: string): { url: string; caBundle: string }
  close(): Promise<void>
}

export const patchOf = (...operations: object[]): { patchType: string; patch: string } => ({ patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') })

export async function startFakeWebhook(names: readonly string[] = []): Promise<FakeWebhookServer> {
  const validity = { now: systemClock.now(), ttl: 3_600_000 }
  const ca = await createCa({ commonName: 'webhook authority' }, validity)
  const serving = await issueCertificate(ca, { commonName: 'webhook.example.com' }, { ...validity, usages: ['server'], ips: ['127.0.0.1'], dnsNames: names })
  const server = createServer({ key: serving.keyPem, cert: serving.certPem }, (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review
      fake.reviews.push(review)
      const answer = fake.answer(review, req.url ?? '')
      if (answer === 'hang') return
      if (typeof answer === 'number') {
        res.writeHead(answer).end('it broke')
        return
      }
      res.end(JSON.stringify({ apiVersion: review.apiVersion, kind: 'AdmissionReview', response: { uid: review.request.uid, allowed: true, ...answer } }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const caBundle = Buffer.from(ca.certPem).toString('base64')
  const fake: FakeWebhookServer = {
    port, caBundle, reviews: [], answer: () => ({}), client: (path = '/') => ({ url: `https://127.0.0.1:${port}${path}`, caBundle }),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return fake
}
