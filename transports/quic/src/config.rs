//! The plugin's configuration, `[transport.quic]`.

use igor_core::Limits;
use serde::Deserialize;

use crate::place::is_host;

/// The most that a connection may receive ahead of its readers, in bytes.
pub(crate) const RECEIVE_WINDOW_CEILING: u32 = 256 << 20;
/// What each stream needs of that, in bytes.
pub(crate) const STREAM_WINDOW_FLOOR: u32 = 4 << 10;

/// What `[transport.quic]` may say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuicConfig {
    /// What others are told to dial instead of the address that is listened on, without a port.
    pub advertise: Option<String>,
    /// The bytes that a connection receives ahead of their reader, on all of its streams together.
    pub receive_window_bytes: u32,
    /// Handshakes with unproven addresses above which a dialler is asked to prove its own first.
    pub unvalidated_max: usize,
}

impl Default for QuicConfig {
    fn default() -> Self {
        Self { advertise: None, receive_window_bytes: 8 << 20, unvalidated_max: 64 }
    }
}

impl QuicConfig {
    /// Streams that a peer may have open here. QUIC's stack announces that one is over only when an eighth of
    /// them are, so that this number is what leaves the limit's number to be used at any time; this end
    /// itself opens no more than that.
    pub(crate) const fn streams_allowed(limits: &Limits) -> u64 {
        limits.streams_max.saturating_add(limits.streams_max / 7)
    }

    /// What each stream may receive ahead of its reader: whatever the others do, there is room for it. A
    /// connection has the streams that either end opened, and up to an eighth of its window that was read
    /// is not announced again yet.
    pub(crate) fn stream_window_bytes(&self, limits: &Limits) -> u32 {
        let streams =
            u32::try_from(Self::streams_allowed(limits).saturating_mul(2)).unwrap_or(u32::MAX);
        (self.receive_window_bytes / 8 * 7).checked_div(streams).unwrap_or_default()
    }

    /// Refuses a value that cannot be used: the field, and why.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), (&'static str, String)> {
        if self.receive_window_bytes > RECEIVE_WINDOW_CEILING {
            let problem = format!("must be at most {RECEIVE_WINDOW_CEILING}");
            return Err(("receive_window_bytes", problem));
        }
        let stream = self.stream_window_bytes(limits);
        if stream < STREAM_WINDOW_FLOOR {
            let streams = Self::streams_allowed(limits).saturating_mul(2);
            let problem = format!(
                "leaves {stream} bytes to each of {streams} streams, less than {STREAM_WINDOW_FLOOR}"
            );
            return Err(("receive_window_bytes", problem));
        }
        if let Some(host) = &self.advertise
            && !is_host(host)
        {
            return Err((
                "advertise",
                "must be a host name or an address, without a port".to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_its_part_of_the_window() {
        let config = QuicConfig::default();
        let limits = Limits::default();
        assert_eq!(config.stream_window_bytes(&limits), (7 << 20) / 36);
        assert_eq!(config.check(&limits), Ok(()));
        assert_eq!(config.check(&Limits::CEILING), Ok(()));
    }

    #[test]
    fn enough_streams_are_allowed_whatever_is_not_announced() {
        for streams_max in 1..=Limits::CEILING.streams_max {
            let limits = Limits { streams_max, ..Limits::default() };
            let allowed = QuicConfig::streams_allowed(&limits);
            assert_eq!(allowed - allowed / 8, streams_max);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_field() {
        let limits = Limits::default();
        let check = |config: QuicConfig| config.check(&limits).expect_err("it cannot be used").0;
        let window = |bytes| QuicConfig { receive_window_bytes: bytes, ..QuicConfig::default() };
        assert_eq!(check(window(0)), "receive_window_bytes");
        assert_eq!(check(window(36 * (4 << 10))), "receive_window_bytes");
        assert_eq!(check(window((256 << 20) + 1)), "receive_window_bytes");
        for host in ["", "host:1", "a b", "[::1]:1"] {
            let config = QuicConfig { advertise: Some(host.to_owned()), ..QuicConfig::default() };
            assert_eq!(check(config), "advertise", "{host:?}");
        }
    }
}
