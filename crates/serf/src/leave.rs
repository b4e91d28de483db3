//! Leaving in order: the intent, then swim's word, then time for it to spread (spec/wire.md §2.4).

use crate::config::Event;
use crate::core::INTENTS;
use crate::serf::{Moment, Serf};
use std::time::Duration;
use swim::{Swim, Turn};

/// Looks at the queues while something is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// How far a leave is.
pub(crate) enum Leaving {
    /// The intent goes out.
    Intent { until: Duration, look: Duration },
    /// swim says it.
    Telling { until: Duration, look: Duration },
    /// The word spreads.
    Spreading { until: Duration },
    /// It is over.
    Over,
}

impl Leaving {
    pub(crate) fn next(&self) -> Duration {
        match self {
            Self::Intent { until, look } | Self::Telling { until, look } => (*until).min(*look),
            Self::Spreading { until } => *until,
            Self::Over => Duration::MAX,
        }
    }
}

impl Serf {
    /// Leaves in order: [`Event::Gone`] says when the node may stop. It goes on answering until then.
    pub fn leave(&mut self, moment: &mut Moment<'_>) {
        if self.leaving.is_some() {
            return;
        }
        self.core.leaving = true;
        let own = self.core.config.name.clone();
        self.say_leave(&own, false, moment.now);
        self.leaving = Some(Leaving::Intent {
            until: moment.now + self.core.config.broadcast_timeout,
            look: moment.now,
        });
        self.go_on_leaving(moment);
    }

    /// Whether there is nobody to tell.
    fn is_alone(&self) -> bool {
        let own = usize::from(
            self.member(&self.core.config.name)
                .is_some_and(|own| own.status == crate::Status::Alive),
        );
        self.core.alive() <= own
    }

    pub(crate) fn go_on_leaving(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        loop {
            let alone = self.is_alone();
            let next = match &mut self.leaving {
                Some(Leaving::Intent { until, look }) => {
                    let told = self.core.queues[INTENTS].is_empty();
                    if !alone && !told && now < *until {
                        *look = now + LOOK;
                        return;
                    }
                    let mut turn = Turn {
                        now,
                        rng: moment.rng,
                        upper: &mut self.core,
                    };
                    Swim::leave(&mut self.swim, &mut turn);
                    Leaving::Telling {
                        until: now + self.core.config.broadcast_timeout,
                        look: now,
                    }
                }
                Some(Leaving::Telling { until, look }) => {
                    if !alone && !self.swim.leave_is_told() && now < *until {
                        *look = now + LOOK;
                        return;
                    }
                    let delay = match alone {
                        true => Duration::ZERO,
                        false => self.core.config.leave_propagate_delay,
                    };
                    Leaving::Spreading { until: now + delay }
                }
                Some(Leaving::Spreading { until }) if *until <= now => {
                    self.core.events.push_back(Event::Gone);
                    Leaving::Over
                }
                _ => return,
            };
            self.leaving = Some(next);
        }
    }
}
