//! Reads that see everything acknowledged before they were asked.

use super::{Core, Refusal};
use crate::faults::Faults;

impl<W, R> Core<W, R> {
    /// Asks that `read` be given back once a majority confirmed this leader and all that was committed
    /// before is applied.
    pub fn read(&mut self, read: R) {
        if self.leading {
            self.reads_next.push(read);
        } else {
            self.out.reads.push((read, Err(Refusal::NotLeader)));
        }
    }

    /// Asks the engine for one read index for all reads that wait. The engine drops the question silently
    /// before the first commit of a term, so it waits here until then.
    pub(super) fn ask_reads(&mut self) {
        if self.reads_next.is_empty() || !self.leading {
            return;
        }
        if self.faults == Faults::ReadUnconfirmed {
            let reads = std::mem::take(&mut self.reads_next);
            let commit = self.node.raft.raft_log.committed;
            self.reads_confirmed.push_back((commit, reads));
            return;
        }
        if self.reads_asked.is_none() && self.node.raft.commit_to_current_term() {
            self.read_number += 1;
            self.reads_asked = Some((self.read_number, std::mem::take(&mut self.reads_next)));
            self.node
                .read_index(self.read_number.to_le_bytes().to_vec());
        }
    }

    pub(super) fn confirm_read(&mut self, state: &raft::ReadState) {
        let asked = self
            .reads_asked
            .take_if(|(number, _)| state.request_ctx == number.to_le_bytes());
        if let Some((_, reads)) = asked {
            self.reads_confirmed.push_back((state.index, reads));
        }
    }
}
