import { describe, expect, it } from 'vitest'
import type { Secret } from '../../../shared/api/core-v1.ts'
import { credentialsFor, matches, readKeyring, repositoryOf, secretKeyring, type Keyring } from './credentials.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const auth = (user: string, password = 'p'): { auth: string } => ({ auth: base64(`${user}:${password}`) })
const configJson = (auths: object): Secret => ({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) } })
const dockercfg = (auths: object): Secret => ({ type: 'kubernetes.io/dockercfg', data: { '.dockercfg': base64(JSON.stringify(auths)) } })
const users = (repository: string, ...keyrings: Keyring[]): string[] => credentialsFor(repository, keyrings).map((a) => a.username)

describe('a registry name fits', () => {
  // Rows of upstream's TestUrlsMatch, and what it says in comments.
  it.each([
    ['*.kubernetes.io', 'prefix.kubernetes.io/app', true], ['prefix.*.io', 'prefix.kubernetes.io', true], ['prefix.kubernetes.*', 'prefix.kubernetes.io', true], ['*-good.kubernetes.io', 'prefix-good.kubernetes.io', true],
    ['*.kubernetes.io/blah', 'prefix.kubernetes.io/blah', true], ['*.*.kubernetes.io', 'a.b.kubernetes.io', true], ['*.kubernetes.io', 'kubernetes.io', false], ['*.*.kubernetes.io', 'prefix.kubernetes.io', false],
    ['kubernetes.io', 'kubernetes.com', false], ['k*.io', 'quay.io', false], ['*.kubernetes.io', 'a.b.kubernetes.io', false], ['kubernetes.io:3000', 'kubernetes.io:3000/app', true], ['kubernetes.io:3000', 'kubernetes.io/app', false],
    ['*.kubernetes.io:3000', 'x.kubernetes.io:30000', false], ['kubernetes.io/team', 'kubernetes.io/team/app', true], ['kubernetes.io/team', 'kubernetes.io/other/app', false], ['r?.io', 'r1.io/a', true], ['r[0-4].io', 'r3.io/a', true],
    ['r[0-4].io', 'r7.io/a', false], ['a+b.io', 'aab.io/x', false], ['r[', 'r1/x', false], ['r[^a-c].io', 'rd.io/a', true], ['r[^a-c].io', 'rb.io/a', false], ['*a*b.io', 'xaxab.io/a', true], ['*a*b.io', 'xaxa.io/a', false],
    [`${'*a'.repeat(30)}*.io`, `${'a'.repeat(29)}b.io/a`, false], [`${'*a'.repeat(29)}*.io`, `${'a'.repeat(29)}b.io/a`, true],
  ])('%s for %s: %s', (key, repository, expected) => { expect(matches(key, repository)).toBe(expected) })
})

describe('credentials', () => {
  it('come from both forms of secrets, whose type says which', () => {
    expect(secretKeyring([configJson({ 'r.io': auth('a') }), dockercfg({ 'r.io': { username: 'b', password: 'x' } }), { type: 'Opaque', data: configJson({ 'r.io': auth('c') }).data! }]))
      .toEqual([{ key: 'r.io', auth: { username: 'a', password: 'p' } }, { key: 'r.io', auth: { username: 'b', password: 'x' } }])
  })
  it('the auth field wins over user and password; a password has colons; rubbish gives none', () => {
    expect(secretKeyring([configJson({ 'r.io': { ...auth('a', 'x:y:z'), username: 'b', password: 'q' }, 's.io': { auth: base64('no colon') }, 't.io': {}, 'u.io': 7 })])).toEqual([{ key: 'r.io', auth: { username: 'a', password: 'x:y:z' } }])
    expect(secretKeyring([{ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{') } }, { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('[]') } }])).toEqual([])
    expect(readKeyring('not json', 'config.json')).toBeUndefined()
  })
  it('the most special name first, then the less special; none twice; another registry has none', () => {
    const ring = secretKeyring([configJson({ 'r.io': auth('host'), 'https://r.io/v2/team': auth('team'), 'r.io/team/app': auth('app'), 'x.io': auth('x') }), configJson({ 'r.io': auth('host') })])
    expect(users('r.io/team/app', ring)).toEqual(['app', 'team', 'host'])
    expect(users('r.io/other/app', ring)).toEqual(['host'])
    expect(users('y.io/team/app', ring)).toEqual([])
  })
  it('those of the pod before those of the node', () => {
    const node = readKeyring(JSON.stringify({ auths: { 'r.io/team/app': auth('node') } }), 'config.json') ?? []
    expect(users('r.io/team/app', secretKeyring([configJson({ 'r.io': auth('pod') })]), node)).toEqual(['pod', 'node'])
  })
  it('of Docker Hub go by each of its names', () => {
    for (const name of ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'https://docker.io/']) expect(users('docker.io/library/nginx', secretKeyring([configJson({ [name]: auth('hub') })]))).toEqual(['hub'])
    expect(users('r.io/nginx', secretKeyring([configJson({ 'index.docker.io': auth('hub') })]))).toEqual([])
  })
})

it.each([
  ['nginx', 'docker.io', 'docker.io/library/nginx'], ['nginx:1', 'docker.io', 'docker.io/library/nginx'], ['team/app:1', 'docker.io', 'docker.io/team/app'], ['index.docker.io/nginx', 'docker.io', 'docker.io/library/nginx'],
  ['r:5000/app', 'r:5000', 'r:5000/app'], ['r.io/a/b:1@sha256:00', 'r.io', 'r.io/a/b'], ['localhost/a', 'localhost', 'localhost/a'], ['[::1]:5000/a:1', '[::1]:5000', '[::1]:5000/a'],
])('%s is of %s, %s', (reference, domain, repository) => { expect(repositoryOf(reference)).toEqual({ domain, repository }) })
