/** What the runtime is told to start. */
import type { Container, VolumeMount } from '../../../shared/api/core-v1.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { ContainerSpec, Device, Image, Mount } from '../../runtime/runtime.ts'
import { expand } from '../env/expand.ts'
import type { Given } from '../devices/devices.ts'
import { makeEnvironment, type EnvSources } from '../env/environment.ts'
import type { PodRuntimeFacts } from '../env/field-ref.ts'
import { containerLimits } from '../resources/cgroup-numbers.ts'
import { oomScoreAdj } from '../resources/oom-score.ts'
import type { Mounter } from '../volumes/kind.ts'
import { VolumeError } from '../volumes/payload.ts'
import { isRecursiveReadOnly } from '../volumes/recursive-read-only.ts'
import { bindSubPath, resolveSubPath } from '../volumes/sub-path.ts'
import type { PodRecord } from './record.ts'
import type { StoredPod } from './pod-facts.ts'
import { securityOf } from './security.ts'

/** The container cannot be made from its pod: `CreateContainerConfigError`, with upstream's message. */
export class ConfigError extends Error { override readonly name = 'ConfigError' }

export interface SpecInput {
  readonly record: PodRecord
  readonly pod: StoredPod
  readonly container: Container
  readonly attempt: number
  readonly image: Image
  readonly given: Given
  readonly sources: EnvSources
  readonly facts: PodRuntimeFacts
  readonly files: FileTree
  readonly mounter: Mounter
  readonly memoryCapacity: number
  readonly seccompDir: string
  /** The runtime can make what is mounted below a read-only mount read-only. */
  readonly recursiveReadOnly: boolean
  /** The running container that an ephemeral one targets. */
  readonly pidOf?: string
}

const propagation: Readonly<Record<string, Mount['propagation']>> = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' }
export const terminationPath = (c: Container): string => c.terminationMessagePath || '/dev/termination-log'

/** Unlike in a command, a variable that is missing is a mistake: the folder would be another. Source: upstream `ExpandContainerVolumeMounts`. */
function expandSubPath(expression: string, lookup: (name: string) => string | undefined): string {
  let missing: string | undefined
  const subPath = expand(expression, (name) => {
    const value = lookup(name)
    if (value === undefined) missing ??= name
    return value
  })
  if (missing !== undefined) throw new ConfigError(`missing value for "${missing}"`)
  if (subPath.startsWith('/')) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..')) throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
  return subPath
}

function recursiveReadOnly(input: SpecInput, mount: VolumeMount): boolean {
  try { return isRecursiveReadOnly(mount, input.recursiveReadOnly) } catch (e) { throw e instanceof VolumeError ? new ConfigError(e.message) : e }
}

async function mountsOf(input: SpecInput, lookup: (name: string) => string | undefined): Promise<Mount[]> {
  const { record, container, files } = input
  const out: Mount[] = []
  for (const [index, m] of (container.volumeMounts ?? []).entries()) {
    const volume = record.volumes.get(m.name)
    if (!volume) throw new ConfigError(`cannot find volume "${m.name}" to mount into container "${container.name}"`)
    const subPath = m.subPathExpr ? expandSubPath(m.subPathExpr, lookup) : m.subPath
    let source = volume.source
    if (subPath) {
      try {
        source = volume.isSealed ? await resolveSubPath(files, volume.source, subPath) : await bindSubPath(input, { source: volume.source, subPath, target: record.paths.subPath(m.name, container.name, index) })
      } catch (e) {
        if (e instanceof VolumeError) throw new ConfigError(`failed to prepare subPath for volumeMount "${m.name}" of container "${container.name}": ${e.message}`)
        throw e
      }
    }
    out.push({
      source, target: m.mountPath.startsWith('/') ? m.mountPath : `/${m.mountPath}`, readOnly: volume.readOnly || (m.readOnly ?? false), propagation: propagation[m.mountPropagation ?? 'None'] ?? 'private',
      ...(recursiveReadOnly(input, m) ? { recursiveReadOnly: true } : {}),
    })
  }
  const has = (target: string): boolean => out.some((m) => m.target.replace(/\/$/, '') === target)
  const own = (source: string, target: string): void => { if (!has(target)) out.push({ source, target, readOnly: false, propagation: 'private' }) }
  own(record.paths.hosts, '/etc/hosts')
  own(record.paths.resolvConf, '/etc/resolv.conf')
  const message = record.paths.terminationMessage(container.name, input.attempt)
  await files.makeDir(`${record.paths.root}/containers/${container.name}`, 0o755)
  // Whatever user the container runs as may write its last words.
  if ((await files.stat(message)) === undefined) await files.write(message, '', { mode: 0o666 })
  own(message, terminationPath(container))
  await files.makeDir(`${record.paths.logs}/${container.name}`)
  return out
}

/** Volumes that are given to the container as devices. A read-only one is only so by its permissions, as upstream. */
function volumeDevices({ record, container }: SpecInput): Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = record.volumes.get(name)
    if (!volume?.isDevice) throw new ConfigError(`cannot find volume "${name}" to pass into container "${container.name}"`)
    return { hostPath: volume.source, containerPath: devicePath, permissions: volume.readOnly ? 'mr' : 'mrw' }
  })
}

/** Throws {@link ConfigError}. */
export async function containerSpec(input: SpecInput): Promise<ContainerSpec> {
  const { pod, container, attempt, image, record, given } = input
  const environment = makeEnvironment(pod, container, input.sources, input.facts)
  if (!environment.ok) throw new ConfigError(environment.message)
  const security = securityOf(pod, container, image.user, input.seccompDir)
  if (!security.ok) throw new ConfigError(security.message)
  const values = new Map(environment.env.map((e) => [e.name, e.value]))
  const lookup = (name: string): string | undefined => values.get(name)
  const argv = (list: readonly string[] | undefined): string[] | undefined => (list?.length ? list.map((a) => expand(a, lookup)) : undefined)
  return {
    name: container.name, attempt, image: image.id, imageName: container.image ?? '', command: argv(container.command), args: argv(container.args), workingDir: container.workingDir || undefined,
    // Of one name the pod's own wins.
    env: [...given.env, ...environment.env], mounts: [...await mountsOf(input, lookup), ...given.mounts], devices: [...volumeDevices(input), ...given.devices], resources: containerLimits(container),
    security: { ...security.options, supplementalGroups: [...new Set([...security.options.supplementalGroups, ...given.groups])] },
    oomScoreAdj: oomScoreAdj(pod, container, input.memoryCapacity), stdin: container.stdin ?? false, stdinOnce: container.stdinOnce ?? false, tty: container.tty ?? false,
    ...(input.pidOf === undefined ? {} : { pidOf: input.pidOf }), logPath: record.paths.log(container.name, attempt),
  }
}
