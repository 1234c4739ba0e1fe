/** Names and values that would be options, commands or syntax to a shell, a command line, CSV or a template: the exact bytes arrive, and nothing is interpreted. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { eventually, forever, inside, main, onNode, podOf, status, story, type Row } from '../row.ts'

const C = 'spec.containers[]'
/** A value with everything in it. */
const nasty = `-v --help $(reboot) \`id\` ;id|id&"'\\,=%s {{.ID}} ü\u{1f600}\nsecond line`
const folder = `${onNode}/hostile`
const odd = `a "b", 'c'=$(id);d ü`
/** Reads the first process's own environment: a shell would leave out names that it cannot have. */
const variable = (name: string): string => `tr "\\\\n\\\\0" "~\\\\n" </proc/1/environ | grep -F -- '${name}='`

export const hostileRows: readonly Row[] = [
  inside({
    id: 'hostile-args', fields: [`${C}.command`, `${C}.args`], says: 'an argument is what it is, whatever it holds', script: '',
    container: { command: ['sh', '-c', 'for a in "$0" "$@"; do printf "[%s]" "$a"; done >/dev/termination-log', '--help'], args: [nasty, '-v', '--', '', '$$(X) $(', '$$$(Y)', '$()', '$(A', '*', '~'] },
    sees: `[--help][${nasty}][-v][--][][$(X) $(][$$(Y)][$()][$(A][*][~]`,
  }),
  inside({
    id: 'hostile-env', fields: [`${C}.env[].name`, `${C}.env[].value`], says: 'nor is a variable, by name or by value', container: { env: [{ name: '-v', value: nasty }, { name: '--help', value: '' }, { name: 'a b.c;$(id)', value: '=x=' }, { name: '1st', value: '-1' }] },
    script: ['-v', '--help', 'a b.c;$(id)', '1st'].map(variable).join('; '), sees: `-v=${nasty.replace('\n', '~')}\n--help=\na b.c;$(id)==x=\n1st=-1`,
  }),
  inside({
    id: 'hostile-dir', fields: [`${C}.workingDir`, `${C}.terminationMessagePath`], says: 'nor a folder or a file', container: { workingDir: `/tmp/${odd}`, terminationMessagePath: `/tmp/-w ${odd}`, command: ['sh', '-c', `pwd >"$0"`, `/tmp/-w ${odd}`] }, script: '', sees: `/tmp/${odd}`,
  }),
  story({
    id: 'hostile-volume', fields: ['spec.volumes[].hostPath.path', `${C}.volumeMounts[].mountPath`, `${C}.volumeMounts[].subPath`], says: 'nor where a volume is, on the node or in the container, nor a part of it',
    async tell({ kubectl, runtime }) {
      const path = `${folder}-${runtime}/${odd}`
      await mkdir(`${path}/-rf ${odd}`, { recursive: true })
      try {
        await writeFile(`${path}/-rf ${odd}/x`, 'here')
        const pod = podOf('hostile-volume', {
          spec: { volumes: [{ name: 'v', hostPath: { path, type: 'Directory' } }, { name: 'e', emptyDir: {} }] },
          container: { command: ['sh', '-c', 'cat "$1/x" "$2/-rf $0/x" >/dev/termination-log; ls "$3" >>/dev/termination-log', odd, `/-s ${odd}`, `/w ${odd}`, `/e,readonly`], volumeMounts: [{ name: 'v', mountPath: `/-s ${odd}`, subPath: `-rf ${odd}` }, { name: 'v', mountPath: `/w ${odd}` }, { name: 'e', mountPath: '/e,readonly' }] },
        })
        await kubectl.apply(pod)
        await eventually('both files were read', async () => (await kubectl.said(['get', 'pod', 'hostile-volume', '-o', 'jsonpath={.status.containerStatuses[0].state.terminated.message}'])).out === 'herehere')
        await kubectl.run('delete pod hostile-volume')
      } finally { await rm(`${folder}-${runtime}`, { recursive: true }) }
    },
  }),
  status({
    id: 'hostile-image', fields: [`${C}.image`], says: 'an image that is an option or a command is no image', container: { image: '--help' },
    spec: { containers: ['-v', '$(reboot)', 'a;id', 'a b', 'x:--rm', '../../etc'].map((image, i) => ({ name: `n${i}`, image })) },
    status: { phase: 'Pending', containerStatuses: Array.from({ length: 7 }, () => ({ state: { waiting: { reason: 'InvalidImageName', message: { matches: /^Failed to apply default image tag ".*": couldn't parse image name/ } } } })) },
  }),
  status({
    id: 'hostile-command', fields: [`${C}.command`], says: 'a command that looks like an option is a program that is not there', container: { command: ['--version'] },
    status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: { matches: /^12[78]$/ }, reason: { matches: /^(StartError|ContainerCannotRun)$/ }, message: { matches: /--version/ } } } }] },
  }),
  inside({
    id: 'hostile-hook', fields: [`${C}.lifecycle.postStart.exec.command`], says: 'what a hook runs is run as it is', script: '',
    container: { lifecycle: { postStart: { exec: { command: ['sh', '-c', 'printf "[%s]" "$0" "$@" >/tmp/hook.new; mv /tmp/hook.new /tmp/hook', '--help', nasty, '-it', ''] } } }, command: ['sh', '-c', 'until test -e /tmp/hook; do sleep 0.05; done; cat /tmp/hook >/dev/termination-log'] },
    sees: `[--help][${nasty}][-it][]`,
  }),
  status({
    id: 'hostile-hook-name', fields: [`${C}.lifecycle.postStart.exec.command`], says: 'one that looks like an option fails, and its container with it', container: { command: forever, lifecycle: { postStart: { exec: { command: ['--help'] } } } },
    status: { phase: 'Failed', containerStatuses: [{ name: main }] }, events: [{ reason: 'FailedPostStartHook', message: 'PostStartHook failed' }],
  }),
]
