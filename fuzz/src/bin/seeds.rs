//! `seeds DIR`: DIR/TARGET/NUMBER for every seed of every target.

use std::{fs, path::Path};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    for (target, _) in kd2m_fuzz::TARGETS {
        let place = Path::new(&folder).join(target);
        fs::create_dir_all(&place)?;
        for (number, bytes) in kd2m_fuzz::seeds::of(target, &mut kd2m_fuzz::mutate::Random::new(22)).iter().enumerate()
        {
            fs::write(place.join(number.to_string()), bytes)?;
        }
    }
    Ok(())
}
