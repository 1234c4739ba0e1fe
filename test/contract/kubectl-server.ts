/** A whole control plane without nodes for kubectl: the built process with all its controllers, and real kubectls of several versions. For the contract tests. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startControlPlane } from '../testbed/control-plane.ts'
import { eventually } from '../testbed/cluster.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

/** The versions of the contract: those of them that are on the machine are used, else the kubectl on PATH. */
export const contractKubectls = await kubectls(['1.27', '1.30', '1.33'])

export interface KubectlServer {
  /** A folder of the test's own, gone after `close`. */
  readonly dir: string
  readonly kubeconfig: string
  /** The newest kubectl, or the one named, as the administrator. With a namespace: made first, with its account, so that pods are taken in it. */
  kubectl(namespace?: string, binary?: { version: string; path: string }): Promise<Kubectl>
  close(): Promise<void>
}

export async function startKubectlServer(): Promise<KubectlServer> {
  const controlPlane = await startControlPlane()
  const dir = await mkdtemp(join(tmpdir(), 'bramble-contract-'))
  return {
    dir, kubeconfig: controlPlane.kubeconfig,
    async kubectl(namespace, binary = contractKubectls.at(-1)!) {
      const kubectl = new Kubectl(binary, controlPlane.kubeconfig)
      if (namespace === undefined) return kubectl
      await kubectl.run(`create namespace ${namespace}`)
      await eventually('the account default', async () => (await kubectl.said(`get serviceaccount default -n ${namespace}`)).code === 0)
      return kubectl.in(namespace)
    },
    async close() {
      await controlPlane.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A table's header or row as one line, three blanks between its columns: widths follow the data, so they are not part of the contract. */
export const columns = (line: string | undefined): string => (line ?? '').trim().split(/\s{2,}/).join('   ')
