-- Removal effects and Shapley values of channels, and what they were computed on.
SELECT site, model, channel, round(effect, 6) AS effect, round(share, 6) AS share, conversions, open_paths, window_from, window_until
FROM channel_effects(model = '', since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, lookback_s = 0, transform = '', conversion = {conversion:String})
WHERE ({site:String} = '' OR site = {site:String})
ORDER BY site, model, effect DESC, channel
LIMIT {limit:UInt32}
