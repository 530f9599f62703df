//! Two whole nodes on one store, with gate and bus on a real Redis that is stopped in the middle of a sale.
