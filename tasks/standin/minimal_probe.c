/* The least a program can do to measure videos with FFmpeg's libraries: open, find the streams, print what they are.
 *
 * Reads paths from standard input, each ended by a zero byte; prints a line a file. The exit status is 1 if a file could
 * not be read. What our probe costs is compared with this, so it does no more and no less than any such program must.
 */

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_facts(const char *path)
{
    AVFormatContext *file = NULL;
    size_t size = strlen(path) + sizeof("file:");
    char *url = malloc(size);

    if (!url)
        return 1;
    snprintf(url, size, "file:%s", path);
    if (avformat_open_input(&file, url, NULL, NULL) < 0) {
        free(url);
        return 1;
    }
    free(url);
    if (avformat_find_stream_info(file, NULL) < 0) {
        avformat_close_input(&file);
        return 1;
    }
    printf("%s %lld %lld", file->iformat->name, (long long)file->duration, (long long)file->bit_rate);
    for (unsigned i = 0; i < file->nb_streams; i++) {
        const AVStream *stream = file->streams[i];
        const AVCodecParameters *facts = stream->codecpar;
        printf("; %s %dx%d %d/%d %d Hz %lld", avcodec_get_name(facts->codec_id), facts->width, facts->height,
               stream->avg_frame_rate.num, stream->avg_frame_rate.den, facts->sample_rate, (long long)facts->bit_rate);
    }
    putchar('\n');
    avformat_close_input(&file);
    return 0;
}

int main(void)
{
    char *path = NULL;
    size_t room = 0;
    int failed = 0;

    av_log_set_level(AV_LOG_QUIET);
    while (getdelim(&path, &room, '\0', stdin) > 0)
        failed |= print_facts(path);
    free(path);
    return failed;
}
