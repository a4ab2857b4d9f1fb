import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type HostSubject, runHostConformance } from 'pluggable-transports/testing'
import { CARELESS_HOSTS, launchTrusting } from '../support/careless-hosts.ts'

type Test = () => Promise<void>

function collect(subject: HostSubject): ReadonlyMap<string, Test> {
  const tests = new Map<string, Test>()
  runHostConformance(subject, { describe: (_title, define) => define(), it: (title, test) => tests.set(title, test) })
  return tests
}

const [trusting, brittle] = CARELESS_HOSTS.map(collect)
const GOOD_CHILD = 'copes with a client that does as it should'

describe('the conformance suite of hosts', { concurrency: 4 }, () => {
  for (const [title, test] of trusting!)
    if (title !== GOOD_CHILD)
      it(`is failed by a host that trusts, or one that is brittle: ${title}`, async () => {
        const failures = await Promise.all([failure(test), failure(brittle!.get(title)!)])
        assert.ok(failures.some((message) => message !== undefined))
      })

  it('passes a host of a few lines where a child does as it should', async () => {
    const tests = collect({ launch: (options) => launchTrusting(options) })
    assert.ok(tests.size > 45, `the suite has ${tests.size} tests`)
    await assert.doesNotReject(tests.get(GOOD_CHILD)!())
  })

  for (const [careless, title, message] of [
    [0, 'refuses a child that dies without a word', /it was taken/],
    [0, 'refuses a child that says nothing', /did not come within/],
    [1, 'copes with lines that end in CR LF', /it was refused/],
    [1, 'copes with a child that ends neither with its input nor at SIGTERM', /the end of the stop did not come/],
    [1, 'refuses PROXY-ERROR', /the child is still there/],
    [2, GOOD_CHILD, /was handed on to the child/],
  ] as const)
    it(`says why a host fails that ${CARELESS_HOSTS[careless]!.name}: ${title}`, async () => {
      assert.match((await failure(collect(CARELESS_HOSTS[careless]!).get(title)!)) ?? '', message)
    })
})

async function failure(test: Test): Promise<string | undefined> {
  try {
    await test()
    return undefined
  } catch (error) {
    return String(error)
  }
}
