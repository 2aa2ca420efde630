//! Types that clients give files beside the registered ones: what Android, iOS, Qt, GLib and browsers have for an
//! extension. mime_guess has those of web servers.

/// Extensions, and the types that a slot request may have named for them.
const ALIASES: &[(&[&str], &[&str])] = &[
    (&["m4a", "m4b"], &["audio/mp4", "audio/x-m4a", "audio/m4a", "audio/mp4a-latm", "audio/aac", "video/mp4"]),
    (&["mp4", "m4v", "mp4v"], &["video/mp4", "audio/mp4", "video/x-m4v", "application/mp4"]),
    (&["aac"], &["audio/aac", "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts", "audio/vnd.dlna.adts"]),
    (
        &["ogg", "oga", "opus", "spx"],
        &[
            "audio/ogg",
            "application/ogg",
            "audio/opus",
            "audio/ogg; codecs=opus",
            "audio/ogg;codecs=opus",
            "audio/x-opus+ogg",
            "audio/x-vorbis+ogg",
            "audio/vorbis",
            "audio/x-opus",
            "video/ogg",
            "audio/x-speex",
        ],
    ),
    (&["ogv", "ogx"], &["video/ogg", "application/ogg", "video/x-theora+ogg"]),
    (&["mp3", "mp2", "mpga"], &["audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3", "audio/mpg"]),
    (&["wav"], &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"]),
    (&["flac"], &["audio/flac", "audio/x-flac"]),
    (&["amr", "awb"], &["audio/amr", "audio/AMR", "audio/3gpp", "audio/amr-wb", "audio/AMR-WB", "audio/x-amr"]),
    (&["3gp", "3gpp", "3ga", "3g2"], &["video/3gpp", "audio/3gpp", "video/3gpp2", "audio/3gpp2"]),
    (&["caf"], &["audio/x-caf", "audio/caf"]),
    (&["aif", "aiff"], &["audio/aiff", "audio/x-aiff"]),
    (&["mid", "midi"], &["audio/midi", "audio/x-midi", "audio/mid"]),
    (&["webm", "weba"], &["video/webm", "audio/webm", "audio/webm;codecs=opus", "audio/webm; codecs=opus"]),
    (
        &["mkv", "mka"],
        &["video/x-matroska", "video/matroska", "video/mkv", "audio/x-matroska", "application/x-matroska"],
    ),
    (&["mov", "qt"], &["video/quicktime"]),
    (&["avi"], &["video/x-msvideo", "video/avi", "video/msvideo", "video/vnd.avi"]),
    (&["ts", "mts", "m2ts"], &["video/mp2t", "video/vnd.dlna.mpeg-tts"]),
    (&["jpg", "jpeg", "jpe", "jfif"], &["image/jpeg", "image/jpg", "image/pjpeg"]),
    (&["heic", "heif", "hif"], &["image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"]),
    (&["bmp"], &["image/bmp", "image/x-ms-bmp", "image/x-bmp"]),
    (&["ico"], &["image/x-icon", "image/vnd.microsoft.icon"]),
    (&["jxl"], &["image/jxl"]),
    (&["svg"], &["image/svg+xml", "image/svg"]),
    (&["vcf", "vcard"], &["text/vcard", "text/x-vcard", "text/directory", "text/x-vCard"]),
    (&["ics"], &["text/calendar", "text/x-vcalendar"]),
    (&["gz", "tgz"], &["application/gzip", "application/x-gzip", "application/x-compressed-tar", "application/x-tar"]),
    (
        &["bz2", "tbz2"],
        &["application/x-bzip2", "application/bzip2", "application/x-bzip", "application/x-bzip-compressed-tar"],
    ),
    (&["xz", "txz"], &["application/x-xz", "application/xz", "application/x-xz-compressed-tar"]),
    (&["zst", "tzst"], &["application/zstd", "application/x-zstd", "application/x-zstd-compressed-tar"]),
    (&["tar"], &["application/x-tar", "application/tar"]),
    (&["zip"], &["application/zip", "application/x-zip-compressed", "application/x-zip"]),
    (&["rar"], &["application/vnd.rar", "application/x-rar-compressed", "application/x-rar"]),
    (&["7z"], &["application/x-7z-compressed"]),
    (&["apk"], &["application/vnd.android.package-archive"]),
    (&["js", "mjs"], &["text/javascript", "application/javascript", "application/x-javascript"]),
    (&["xml"], &["text/xml", "application/xml"]),
    (&["gpx"], &["application/gpx+xml", "application/xml", "text/xml"]),
    (&["md"], &["text/markdown", "text/x-markdown", "text/plain"]),
    (&["txt", "log"], &["text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8", "text/x-log"]),
    (
        &["asc", "sig", "gpg", "pgp"],
        &["application/pgp-encrypted", "application/pgp-signature", "application/pgp-keys"],
    ),
    (&["py", "sh", "lua", "rs", "c", "h"], &["text/plain", "text/x-python", "application/x-shellscript", "text/x-lua"]),
];

/// The types that files with this extension are given, most likely first.
pub(super) fn of(extension: &str) -> impl Iterator<Item = &'static str> {
    let extension = extension.to_ascii_lowercase();
    let rows = ALIASES.iter().filter(move |(extensions, _)| extensions.contains(&extension.as_str()));
    rows.flat_map(|(_, types)| types.iter().copied())
}

#[cfg(test)]
mod tests {
    use crate::content_type::ContentType;

    use super::*;

    #[test]
    fn every_alias_is_a_type_that_is_kept_as_it_is() {
        for name in ALIASES.iter().flat_map(|(_, types)| *types) {
            assert_eq!(ContentType::parse(name).unwrap().as_str(), *name);
        }
    }

    #[test]
    fn an_extension_has_one_row() {
        let mut all: Vec<&str> = ALIASES.iter().flat_map(|(extensions, _)| *extensions).copied().collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
