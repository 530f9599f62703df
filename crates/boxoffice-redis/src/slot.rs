//! Hash slots: which part of a Redis Cluster a key or a shard channel belongs to.

/// How many there are.
pub(crate) const SLOTS: usize = 16_384;

/// The slot of a hash tag: CRC-16/XMODEM modulo 16384
/// (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
pub(crate) fn of(tag: &str) -> u16 {
    let mut crc = 0u16;
    for byte in tag.bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    crc % SLOTS as u16
}

#[cfg(test)]
mod tests {
    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(super::of("123456789"), 0x31c3);
        assert_eq!(super::of("foo"), 12_182);
        assert_eq!(super::of("user1000"), 3_443);
    }
}
