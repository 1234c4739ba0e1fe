/** Approves and signs the client certificates of joining and renewing nodes. */
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, messageOf } from '../../../shared/base/errors.ts'
import { readCsr } from '../../../shared/pki/certificates.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import { planCsr, untilCleanup, type Requested } from './plan.ts'

export interface CsrConfig {
  /** Signs a PEM request as a client certificate; `ttl` in milliseconds, the signer's own choice where undefined. Resolves with PEM. */
  sign(csrPem: string, options: { ttl: number | undefined }): Promise<string>
}

export function createCsrController(deps: ControllerDeps, config: CsrConfig): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const log = deps.host.log.child('csr')
  const requests = informers.for(refs.CertificateSigningRequest)
  const ref = refs.CertificateSigningRequest

  const read = async (csr: CertificateSigningRequest): Promise<Requested> => {
    try { return await readCsr(pemOf(csr)) } catch (e) { return { error: messageOf(e) } }
  }
  const sign = async (csr: Stored<CertificateSigningRequest>, ttl: number | undefined): Promise<void> => {
    const certificate = Buffer.from(await config.sign(pemOf(csr), { ttl })).toString('base64')
    await client.update(ref, { ...csr, status: { ...csr.status, certificate } }, { subresource: 'status' })
    log.info('certificate issued', { request: csr.metadata.name, requester: csr.spec.username })
  }

  const reconcile = async (name: string): Promise<HandlerResult> => {
    const csr = requests.get(undefined, name)
    if (!csr) return
    const plan = planCsr(csr, await read(csr), clock.now())
    switch (plan.do) {
      case 'nothing': break
      case 'approve': case 'deny': {
        if (plan.do === 'deny') log.warn('certificate request refused', { request: name, requester: csr.spec.username, why: plan.condition.message })
        const decided = await client.update(ref, { ...csr, status: { ...csr.status, conditions: [...csr.status?.conditions ?? [], plan.condition] } }, { subresource: 'approval' })
        if (plan.do === 'approve') await sign(decided, csr.spec.expirationSeconds === undefined ? undefined : csr.spec.expirationSeconds * 1000)
        break
      }
      case 'sign': {
        const why = await unsignable(csr)
        if (why === undefined) { await sign(csr, plan.ttl); break }
        const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: why, lastUpdateTime: timestamp(clock.now()), lastTransitionTime: timestamp(clock.now()) }
        await client.update(ref, { ...csr, status: { ...csr.status, conditions: [...csr.status?.conditions ?? [], failed] } }, { subresource: 'status' })
        break
      }
      case 'delete':
        try { await client.delete(ref, { name }, { preconditions: { uid: csr.metadata.uid } }) } catch (e) { if (!isNotFound(e)) throw e }
        return
    }
    return { after: Math.max(1000, untilCleanup(csr, clock.now())) }
  }
  /** A person may approve a request that we would not: its requester may be anyone, but it must still be a node's client certificate. */
  const unsignable = async (csr: CertificateSigningRequest): Promise<string | undefined> => {
    const requested = await read(csr)
    const plan = planCsr({ ...csr, spec: { ...csr.spec, groups: ['system:bootstrappers'] }, status: {} } as Stored<CertificateSigningRequest>, requested, 0)
    return plan.do === 'deny' ? plan.condition.message : undefined
  }

  return createController({
    name: 'csr', deps, workers: 2, reads: [ref], reconcile,
    watch: (queue) => [requests.on({ add: (r) => { queue.add(r.metadata.name) }, update: (r) => { queue.add(r.metadata.name) } })],
  })
}

const pemOf = (csr: CertificateSigningRequest): string => Buffer.from(csr.spec.request, 'base64').toString()
