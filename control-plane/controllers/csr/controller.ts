/** Approves the client certificates of joining and renewing nodes, signs what is approved for Kubernetes' own signers, and clears away what is over. */
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, messageOf } from '../../../shared/base/errors.ts'
import { readCsr } from '../../../shared/pki/certificates.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import type { NodeRight, Plan, Requested } from './plan.ts'
import { approval, planCsr, untilCleanup } from './plan.ts'

export interface CsrConfig {
  /** Signs a PEM request; names are the request's own. `ttl` in milliseconds, the signer's own choice where undefined. Resolves with PEM. */
  sign(csrPem: string, options: { ttl: number | undefined; usages: readonly ('client' | 'server')[]; dnsNames: readonly string[]; ips: readonly string[] }): Promise<string>
  /** May the requester create `certificatesigningrequests/<right>`? */
  mayRequest(requester: CertificateSigningRequest['spec'], right: NodeRight): boolean
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
  const approve = async (csr: Stored<CertificateSigningRequest>, rights: readonly NodeRight[]): Promise<void> => {
    const right = rights.find((r) => config.mayRequest(csr.spec, r))
    if (right === undefined) {
      log.warn('a node\'s certificate request waits for approval: its requester may not have it', { request: csr.metadata.name, requester: csr.spec.username })
      return
    }
    await client.update(ref, { ...csr, status: { ...csr.status, conditions: [...csr.status?.conditions ?? [], approval(right, clock.now())] } }, { subresource: 'approval' })
  }
  const sign = async (csr: Stored<CertificateSigningRequest>, { ttl, usages }: Extract<Plan, { do: 'sign' }>): Promise<void> => {
    const requested = await readCsr(pemOf(csr))
    const certificate = Buffer.from(await config.sign(pemOf(csr), { ttl, usages, dnsNames: requested.dnsNames, ips: requested.ips })).toString('base64')
    await client.update(ref, { ...csr, status: { ...csr.status, certificate } }, { subresource: 'status' })
    log.info('certificate issued', { request: csr.metadata.name, signer: csr.spec.signerName, requester: csr.spec.username })
  }

  const reconcile = async (name: string): Promise<HandlerResult> => {
    const csr = requests.get(undefined, name)
    if (!csr) return
    const plan = planCsr(csr, await read(csr), clock.now())
    switch (plan.do) {
      case 'nothing': break
      // The change comes back here, to be signed.
      case 'approve': await approve(csr, plan.rights); break
      case 'sign': await sign(csr, plan); break
      case 'fail':
        log.warn('approved certificate request not signed', { request: name, requester: csr.spec.username, why: plan.condition.message })
        await client.update(ref, { ...csr, status: { ...csr.status, conditions: [...csr.status?.conditions ?? [], plan.condition] } }, { subresource: 'status' })
        break
      case 'delete':
        try { await client.delete(ref, { name }, { preconditions: { uid: csr.metadata.uid } }) } catch (e) { if (!isNotFound(e)) throw e }
        return
    }
    const wait = untilCleanup(csr, clock.now())
    return Number.isFinite(wait) ? { after: Math.max(1000, wait) } : undefined
  }

  return createController({
    name: 'csr', deps, workers: 2, reads: [ref], reconcile,
    watch: (queue) => [requests.on({ add: (r) => { queue.add(r.metadata.name) }, update: (r) => { queue.add(r.metadata.name) } })],
  })
}

const pemOf = (csr: CertificateSigningRequest): string => Buffer.from(csr.spec.request, 'base64').toString()
