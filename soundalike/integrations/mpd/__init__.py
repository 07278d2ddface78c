"""The Music Player Daemon (https://www.musicpd.org), as a client; needs the extra ``mpd``."""
