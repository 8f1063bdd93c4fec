"""Reading and writing of audio, images, video and subtitles, within limits on their size.

Surface: audio_image, file_kinds, size_limits, subtitles, video.
"""
