import { launch } from 'pluggable-transports/host'
import { runHostConformance } from 'pluggable-transports/testing'

runHostConformance({ name: 'launch()', launch })
