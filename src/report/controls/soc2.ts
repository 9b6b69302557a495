import type { ControlFramework } from './framework.ts'

const url =
  'https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022'

export const soc2: ControlFramework = {
  title: 'SOC 2, Trust Services Criteria',
  edition: 'AICPA TSP section 100, 2017 criteria with points of focus of 2022',
  url,
  controls: [
    {
      id: 'CC6.1',
      title: 'Logical access to information assets',
      asks: 'Logical access measures protect information assets from security events.',
      url,
      shows: ['accesses', 'classification', 'outcomes'],
      cannotShow: 'Access to systems other than this log, and whether the rights that were given are the right ones.',
    },
    {
      id: 'CC6.2',
      title: 'Granting and removing access',
      asks: 'Users are registered and authorised before they get access, and removed when they no longer need it.',
      url,
      shows: ['actors', 'changes'],
      cannotShow: 'Whether the actors that appear are current and authorised users: that stands in the directory.',
    },
    {
      id: 'CC6.3',
      title: 'Access by role',
      asks: 'Access follows roles, least privilege and segregation of duties.',
      url,
      shows: ['actors', 'accesses', 'outcomes'],
      cannotShow: 'Which role an actor holds, and whether duties that are segregated on paper are so in life.',
    },
    {
      id: 'CC7.2',
      title: 'Monitoring for anomalies',
      asks: 'System components are watched for anomalies that point to malicious acts, natural disasters and errors; they are analysed.',
      url,
      shows: ['alerts', 'outcomes', 'failures', 'integrity'],
      cannotShow:
        'Components that do not write here, and whether the patterns that are watched for are those that matter.',
    },
    {
      id: 'CC7.3',
      title: 'Evaluation of security events',
      asks: 'Security events are evaluated, and acted upon where they are incidents.',
      url,
      shows: ['alerts', 'reports'],
      cannotShow: 'What was done outside this log, and whether an event was judged rightly.',
    },
  ],
}
