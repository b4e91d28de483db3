//! An agent's own services and checks, and the anti-entropy plan as a pure diff.
