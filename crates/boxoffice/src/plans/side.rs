//! Turning a drawing so that the screen is at the top.

/// Where the screen or stage is in a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the top: nothing to turn.
    Top,
    /// At the bottom.
    Bottom,
    /// At the left.
    Left,
    /// At the right.
    Right,
}

impl Side {
    /// A point of the drawing, turned so that this side comes to the top. Nothing is mirrored.
    pub(super) fn to_top(self, (x, y): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Top => (x, y),
            Self::Bottom => (-x, -y),
            Self::Left => (-y, x),
            Self::Right => (y, -x),
        }
    }
}
