"""Reading and writing of audio, images, video and subtitles, within limits on their size.

Surface: audio_image, file_kinds, file_part, size_limits, subtitles, video.
"""
